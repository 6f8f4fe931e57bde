#!/bin/sh
# Every night: find new copies, move those that are equal in their pixels away, tell in a log.
# From cron: cd /where/the/images/are && sh nightly.sh
set -eu
IMAGES=${IMAGES:-images}

curate dedup "$IMAGES" --level pixels --out manifest.parquet --log night.log --quiet
curate prune manifest.parquet --match pixels --move copies --yes --log night.log --quiet
curate split manifest.parquet --ratios train=0.8,val=0.2 --stable --log night.log --quiet
