"""Evidence on a pair: keypoints, alignment, agreement of the pixels."""
