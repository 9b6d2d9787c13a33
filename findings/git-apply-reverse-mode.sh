#!/usr/bin/env bash
# git 2.47 (Debian 13): `git apply -R` of a patch that deletes a program or a symbolic link brings an ordinary file back, though the
# patch says `deleted file mode 100755` or `120000`: the program has lost its x bits, and the link is a file with its target as
# text. 2.39 (Debian 12) restores both. Whoever takes back patches with the git of a user has to check what came
# of it, or use `git checkout`.
# Fetches git from the signed archive of Debian 13 into a root of its own that is gone afterwards.
set -euo pipefail
expected='git version 2.47.3
deleted file mode 120000
deleted file mode 100755
before: 777 symbolic link, 755 regular file
after apply -R: 644 regular file, 644 regular file'
check='cd "$(mktemp -d)"; git --version; git init -q .
echo "echo hello" > tool; chmod 755 tool; ln -s tool link; git add .
git -c user.name=a -c user.email=a@localhost commit -q -m files
kinds() { echo "$1: $(stat -c "%a %F" link), $(stat -c "%a %F" tool)"; }
before=$(kinds before); rm tool link; git diff > ../patch; grep "^deleted file mode" ../patch; echo "$before"
git apply -R ../patch; kinds "after apply -R"'
seen=$(CHECK=$check mmdebstrap --quiet --variant=essential --include=git \
  --customize-hook='chroot "$1" bash -euc "$CHECK" >&2' trixie /dev/null 2>&1 | grep -v '^[IW]: ')
echo "$seen"
[ "$seen" = "$expected" ] || { echo "That is no longer what was seen:" "$expected" >&2; exit 1; }
