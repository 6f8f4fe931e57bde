"""The networks: backbone, SwAV model, whitening, and the encoder that a training leaves."""
