"""The method of the paper (arXiv:2006.09882): crops, codes, loss; tensors in, tensors out."""
