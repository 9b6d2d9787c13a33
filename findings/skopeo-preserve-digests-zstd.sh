#!/usr/bin/env bash
# skopeo 1.18 (Debian 13): `copy --all --preserve-digests` refuses a valid OCI index of an image with a zstd layer, unless the index
# carries a note of its own (`io.github.containers.compression.zstd`), which it would add. What it says, that the index "must be
# converted to type application/vnd.oci.image.index.v1+json", is the type that it has. 1.9 (Debian 12) copies it as it is.
# Way out: write the note when making the index, or copy without --preserve-digests, which changes the index's digest.
# Fetches skopeo from the signed archive of Debian 13 into a root of its own that is gone afterwards.
set -euo pipefail
expected='skopeo version 1.18.0
without the note: Manifest list must be converted to type \"application/vnd.oci.image.index.v1+json\" to be written to destination, but we cannot modify it: \"Instructed to preserve digests\"
with the note: copied'
check='cd "$(mktemp -d)"; skopeo --version; mkdir -p image/blobs/sha256; cd image
# keeps the file $1 under its digest, and leaves a descriptor of media type $2 with the fields $3 in $made
keep() {
  digest=$(sha256sum < "$1" | cut -d " " -f 1)
  made="{\"mediaType\":\"application/vnd.oci.image.$2\",\"digest\":\"sha256:$digest\",\"size\":$(stat -c %s "$1")$3}"
  mv "$1" "blobs/sha256/$digest"
}
head -c 1024 /dev/zero > tar; diff_id=$(sha256sum < tar | cut -d " " -f 1); zstd -q --rm tar -o file
keep file layer.v1.tar+zstd ""; layer=$made
echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$diff_id\"]}}" > file
keep file config.v1+json ""; config=$made
echo "{\"schemaVersion\":2,\"config\":$config,\"layers\":[$layer]}" > file
keep file manifest.v1+json ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}"; manifest=$made
printf "{\"imageLayoutVersion\":\"1.0.0\"}" > oci-layout
copy() {
  echo "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[$2]}" > file
  keep file index.v1+json ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"v\"}"
  echo "{\"schemaVersion\":2,\"manifests\":[$made]}" > index.json
  said=$(skopeo copy -q --all --preserve-digests --insecure-policy oci:.:v "dir:../$1" 2>&1) && said=copied
  echo "$1 the note: $said" | sed -E "s/time=.* msg=\"(.*)\"\$/\1/"
}
copy without "$manifest"
copy with "${manifest%\}},\"annotations\":{\"io.github.containers.compression.zstd\":\"true\"}}"'
seen=$(CHECK=$check mmdebstrap --quiet --variant=essential --include=skopeo,zstd \
  --customize-hook='chroot "$1" bash -uc "$CHECK" >&2' trixie /dev/null 2>&1 | grep -v '^[IW]: ')
echo "$seen"
[ "$seen" = "$expected" ] || { echo "That is no longer what was seen:" "$expected" >&2; exit 1; }
