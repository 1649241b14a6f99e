#!/usr/bin/env bash
# ./release.sh: checks that this commit can be released, builds wheel and sdist in dist/, and makes the tag. Nothing is uploaded.
set -euo pipefail
cd "$(dirname "$0")"
version=$(sed -n 's/^DRIFT = "\(.*\)"$/\1/p' s2s3/drift_version.py)
fail() { echo "error: $1" >&2; exit 2; }
[ -z "$(git status --porcelain)" ] || fail "there are changes without a commit"
grep -q "^## \[$version\] - [0-9]\{4\}-[0-9][0-9]-[0-9][0-9]$" CHANGELOG.md || fail "CHANGELOG.md has no date for $version"
grep -q "^version: $version$" CITATION.cff || fail "CITATION.cff is not of version $version"
git rev-parse -q --verify "refs/tags/v$version" >/dev/null && fail "the tag v$version exists; raise DRIFT in s2s3/drift_version.py"
make lint types docs test test-long package
git tag -a "v$version" -m "DRIFT $version"
echo "tagged v$version; next: git push origin v$version, and attach dist/* to the release"
