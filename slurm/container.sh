#!/bin/bash
# Runs a command in a Singularity image with an overlay, as sites do that allow no conda at home:
#   python: "bash slurm/container.sh python"        (in the site's file)
# `exec` at every level: Slurm signals only its direct child, and a shell in between would keep the
# warning before a time limit to itself.
#
# IMAGE     the image, for instance /scratch/work/public/singularity/cuda12.1-cudnn8.sif
# OVERLAY   the overlay with your conda, for instance $SCRATCH/overlay.ext3
# ACTIVATE  what to source inside, default /ext3/env.sh
set -euo pipefail
: "${IMAGE:?set IMAGE to a Singularity image}"
: "${OVERLAY:?set OVERLAY to an overlay file}"
export ACTIVATE="${ACTIVATE:-/ext3/env.sh}"
exec singularity exec --nv --overlay "$OVERLAY:ro" "$IMAGE" \
  /bin/bash -c 'source "$ACTIVATE" && exec "$@"' bash "$@"
