"""The example that ``curate run --init`` writes."""

EXAMPLE = """\
# A pipeline: one section a stage, in the order in which they run.
# Keys are the options of the stage: see `curate STAGE --help`. Paths are relative to where you
# stand. `curate run pipeline.toml --dry-run` says what would run, and why.

images = "images"           # the folder of images, for all stages
# workspace = ".curate"     # what is known of them
# seed = 0                  # of all random numbers

[train]                     # learn features; leave this section out to use a model you have
budget = "20m"
# backbone = "resnet18"

[cluster]
out = "manifest.parquet"    # the stages below work on the manifest of the stage above
labels = "folder"           # or "none", "regex:PATTERN", a table, COCO, YOLO, VOC
# clusters = 100

[dedup]
level = "near"              # file, bytes, pixels, near, scene, semantic
precision = 0.99
keep = "best"
# protect = ["test", "gold/"]
# check = true              # end with exit code 10 if there are copies

[split]
ratios = { train = 0.8, val = 0.1, test = 0.1 }
# by = "label"
# stratify = "cluster"

# [sample]                  # draw a balanced part; without this section all that is kept goes on
# size = 500                # there must be as many images that are no copies
# out = "subset.parquet"

[export]                    # for several exports write [[export]] sections
to = "subset"
as = "symlink"              # symlink, hardlink, copy, tar, parquet, list, coco, fiftyone, hf,
                            # yolo, voc
"""
