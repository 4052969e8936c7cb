#!/usr/bin/env bash
# Builds a release into a folder: `make release`, see README.md. What it builds depends on the commit, the version
# and the versions of Go, tar and gzip, and on nothing else of the machine.
#
#   VERSION=v0.1.0 deploy/release/build.sh FOLDER [OS/ARCHITECTURE…]
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC CGO_ENABLED=0 GOWORK=off GOFLAGS=-trimpath
export GIT_CONFIG_NOSYSTEM=1
out=$(realpath -m "${1:?the folder to build into is missing}")
shift
platforms=("$@")
[ ${#platforms[@]} -gt 0 ] || platforms=(linux/amd64 linux/arm64 darwin/amd64 darwin/arm64)
cd "$(dirname "$0")/../.."
root=$PWD

: "${VERSION:=$(git describe --tags --always --dirty)}"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
# Packages sort by their version: before the first tag it is below every one to come.
export RELEASE=${VERSION#v}
[[ $RELEASE =~ ^[0-9]+\.[0-9]+\.[0-9]+(-|$) ]] || RELEASE=0.0.0-g$RELEASE
# The chart and the add-on say their version themselves, which is that of the release they come with.
if [[ $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
	for file in deploy/helm/drainline/Chart.yaml deploy/splunk/TA-drainline/default/app.conf; do
		said=$(sed -nE 's/^version( =|:) //p' "$file")
		[ "$said" = "$RELEASE" ] || { echo "$file says version $said, this is $RELEASE: change it there, and tag that commit" >&2; exit 1; }
	done
fi
stamp="-s -w -X github.com/drainline/drainline/services/internal/app.Version=$VERSION"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$out"
mkdir -p "$out" "$work/completions"

# pack FOLDER FILE makes an archive of a folder in $work that is the same whoever packs it when.
pack() {
	tar -C "$work" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar -cf - "$1" | gzip -9n > "$out/$2"
}

(cd services && go build -buildvcs=false -o "$work/drainline" ./cmd/drainline)
for shell in bash zsh fish; do
	"$work/drainline" completion $shell > "$work/completions/drainline.$shell"
done

for platform in "${platforms[@]}"; do
	export GOOS=${platform%/*} GOARCH=${platform#*/}
	name=drainline_${RELEASE}_${GOOS}_$GOARCH
	echo "$name"
	export FOLDER=$work/$name
	mkdir "$FOLDER"
	(
		cd services
		go build -buildvcs=false -ldflags "$stamp" -o "$FOLDER/" ./cmd/...
		cyclonedx-gomod app -json -licenses -std -noserial -notimestamp -output "$out/$name.cdx.json" -main cmd/drainline . 2> "$work/log" ||
			{ cat "$work/log" >&2; exit 1; }
		licenses -texts "$FOLDER/THIRD-PARTY.txt" "$out/$name.cdx.json"
	)
	cp README.md CHANGELOG.md LICENSE config/drainline.yaml "$FOLDER/"
	cp -r "$work/completions" "$FOLDER/"
	pack "$name" "$name.tar.gz"
	if [ "$GOOS" = linux ]; then
		for packager in deb rpm; do
			nfpm package --config "$root/deploy/release/nfpm.yaml" --packager $packager --target "$out/" > "$work/log" ||
				{ cat "$work/log" >&2; exit 1; }
		done
	fi
done

cp -r deploy/splunk/TA-drainline "$work/"
pack TA-drainline "TA-drainline-$RELEASE.tgz"

cd "$out"
sha256sum -- * > "$work/SHA256SUMS"
mv "$work/SHA256SUMS" .
