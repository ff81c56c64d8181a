#!/usr/bin/env bash
# Install the programs that tests/services and tests/codes need, those of them that are missing. Debian and its kin; as root.
set -euo pipefail

packages=(
    munge slurmctld slurmd slurm-client slurmdbd mariadb-server
    openssh-server openssh-client
    postgresql rabbitmq-server
    quantum-espresso quantum-espresso-data
    cp2k cp2k-data
    g++ libxc-dev libopenblas-dev # GPAW is built from its source
)

missing=()
for package in "${packages[@]}"; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
    exit 0
fi
if ((EUID != 0)); then
    echo "error: installing ${missing[*]} needs root" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
