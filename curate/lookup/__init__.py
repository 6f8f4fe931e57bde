"""Looking among the images of a workspace for what is like a picture."""
