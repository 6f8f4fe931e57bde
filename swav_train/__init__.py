"""SwAV (arXiv:2006.09882): features and prototypes learned from unlabelled images.

The package stands alone: give :func:`swav_train.run.loop.train` uint8 pixels, get a folder that
:func:`swav_train.networks.encoder.load_encoder` reads.
"""
