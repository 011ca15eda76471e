#!/bin/sh
# Install what the throw-away cluster of the tests is made of, where that is possible; the tests say what is missing.
set -e
command -v slurmctld >/dev/null || PATH=$PATH:/usr/sbin
for program in slurmctld slurmd sbatch slurmdbd munged mariadbd; do
    command -v $program >/dev/null || missing=yes
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "SLURM is not installed, and only root on Debian or Ubuntu can install it here: the tests will be skipped."
    exit 0
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    slurmctld slurmd slurm-client slurmdbd munge mariadb-server
