#!/bin/bash
# Runs a command in an Apptainer or Singularity image with an overlay, as sites do that allow no conda
# at home:
#   python: "bash slurm/container.sh python"        (in the site's file)
# `exec` at every level: Slurm signals only its direct child, and a shell in between would keep the
# warning before a time limit to itself. Slurm's own commands are not needed inside.
#
# IMAGE     the image, for instance /scratch/work/public/singularity/cuda12.1-cudnn8.sif
# OVERLAY   the overlay with your conda, for instance $SCRATCH/overlay.ext3
# ACTIVATE  what to source inside, default /ext3/env.sh
set -euo pipefail
: "${IMAGE:?set IMAGE to the image of a container}"
: "${OVERLAY:?set OVERLAY to an overlay file}"
export ACTIVATE="${ACTIVATE:-/ext3/env.sh}"
runtime=$(command -v apptainer || command -v singularity) || {
  echo "error: neither apptainer nor singularity is on $(hostname); load its module in \`setup\`" >&2
  exit 127
}
# Without a device, --nv only warns, of every job.
gpu=()
if [ -e /dev/nvidiactl ]; then gpu=(--nv); fi
exec "$runtime" exec ${gpu[@]+"${gpu[@]}"} --overlay "$OVERLAY:ro" "$IMAGE" \
  /bin/bash -c 'source "$ACTIVATE" && exec "$@"' bash "$@"
