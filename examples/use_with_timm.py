"""Load a trained model with plain timm: no curate, no swav_train.

    python examples/use_with_timm.py .curate/models/default IMAGE

Prints the length of the pooled features. ``model.json`` names the network and its options,
``weights.safetensors`` has its tensors under ``backbone.``.
"""

import argparse
import json
from pathlib import Path

import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn
from torchvision.transforms import v2

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", type=Path, help="The folder of a trained model.")
parser.add_argument("image", type=Path, help="An image file.")
words = parser.parse_args()
folder, file = words.model, words.image
facts = json.loads((folder / "model.json").read_text())

network = timm.create_model(facts["timm"]["name"], num_classes=0, **facts["timm"]["options"])
tensors = load_file(folder / "weights.safetensors")
own = {
    name.removeprefix("backbone."): tensor
    for name, tensor in tensors.items()
    if name.startswith("backbone.")
}
if facts["config"]["stem"] == "small":  # residual networks for small images: a first filter of 3 px
    n_channels = own["conv1.weight"].shape[0]
    network.conv1 = nn.Conv2d(3, n_channels, 3, stride=2, padding=1, bias=False)
    network.maxpool = nn.Identity()
network.load_state_dict(own)
network.eval()

side = facts["config"]["image_size"]
prepare = v2.Compose(
    [
        v2.ToImage(),
        v2.Resize((side, side), antialias=True),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD),
    ]
)
with Image.open(file) as image, torch.inference_mode():
    features = network(prepare(image.convert("RGB"))[None])
print(f"{facts['timm']['name']}: {features.shape[1]} features, norm {features.norm():.3f}")
