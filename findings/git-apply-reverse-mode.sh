#!/usr/bin/env bash
# git 2.47 (Debian 13): `git apply -R` of a patch that deletes an executable file brings the file back without its x bits, though the
# patch says `deleted file mode 100755`. 2.39 (Debian 12) and 2.55 bring it back as it was. A patch whose reverse is to
# restore what was there has to be checked for modes, or undone with `git checkout`, where this git may be the one that runs.
# Installs git from the signed archive of Debian 13 into a root of its own that is gone afterwards.
set -euo pipefail
expected='git version 2.47.3
deleted file mode 100755
before 755, after apply -R 644'
check='cd "$(mktemp -d)" && git --version
git init -q . && echo "echo hello" > tool && chmod 755 tool && git add tool
git -c user.name=a -c user.email=a@localhost commit -q -m tool
before=$(stat -c %a tool); rm tool; git diff > ../patch; grep "^deleted file mode" ../patch
git apply -R ../patch && echo "before $before, after apply -R $(stat -c %a tool)"'
seen=$(CHECK=$check mmdebstrap --quiet --variant=essential --include=git \
  --customize-hook='chroot "$1" bash -euc "$CHECK" >&2' trixie /dev/null 2>&1 | grep -v '^[IW]: ')
echo "$seen"
[ "$seen" = "$expected" ] || { echo "That is no longer what was seen:" "$expected" >&2; exit 1; }
