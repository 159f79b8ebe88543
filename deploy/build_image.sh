#!/bin/sh
# Build the images with docker, podman or buildah: `make image` calls this. Variables:
#
#   TARGETS   which of app, tools and engine; "app tools"
#   IMAGE     the name of app; the others are called IMAGE-tools and IMAGE-engine; catalog-model
#   VERSION   that of the wheel, which follows the tag
#   BASE      the base image; see the Dockerfile
#   PIP_CONF  a pip.conf with your own index, passed as a build secret: it is not in any layer
#   BUILDER   docker, podman or buildah; the first that works
#   OPTIONS   more options for `build`
set -eu
cd "$(dirname "$0")/.."

works() {
    case $1 in
        docker) docker version >/dev/null 2>&1 ;;  # the client alone, without a daemon, is not enough
        *) "$1" info >/dev/null 2>&1 ;;
    esac
}

if [ -z "${BUILDER:-}" ]; then
    for each in docker podman buildah; do
        if works "$each"; then BUILDER=$each; break; fi
    done
fi
if [ -z "${BUILDER:-}" ]; then
    echo "Nothing here builds images: neither a running docker, nor podman, nor buildah." >&2
    exit 1
fi

# The wheel's version, by the same rule: 1.2.0 at the tag v1.2.0, 1.2.1.dev3+g1a2b3c4d5 three commits
# later, 0.0.1.dev3+g1a2b3c4d5 without a tag, and with a date for uncommitted changes.
version() {
    git rev-parse --quiet --verify HEAD >/dev/null 2>&1 || { echo 0.0.0; return; }
    described=$(git describe --tags --long --abbrev=9 --match 'v[0-9]*' 2>/dev/null \
        || echo "v0.0-$(git rev-list --count HEAD)-g$(git rev-parse --short=9 HEAD)")
    dirty=$(git status --porcelain --untracked-files=no)
    echo "$described" | awk -v date="${dirty:+$(date -u +.d%Y%m%d)}" -F- '{
        tag = substr($1, 2)
        if ($2 == 0 && date == "") { print tag; exit }
        if (tag == "0.0") tag = "0.0.0"
        match(tag, /[0-9]+$/)
        print substr(tag, 1, RSTART - 1) substr(tag, RSTART) + 1 ".dev" $2 "+" $3 date
    }'
}

revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
VERSION=${VERSION:-$(version)}
tag=$(echo "$VERSION" | tr + -)  # a tag cannot contain a plus

case $BUILDER in
    docker) export DOCKER_BUILDKIT=1; format= ;;
    *) format="--format docker" ;;  # the other format has no HEALTHCHECK
esac

for target in ${TARGETS:-app tools}; do
    name=${IMAGE:-catalog-model}
    [ "$target" = app ] || name=$name-$target
    # shellcheck disable=SC2086  # zero or more words
    "$BUILDER" build $format ${OPTIONS:-} --target "$target" \
        ${BASE:+--build-arg "BASE=$BASE"} \
        ${PIP_CONF:+--secret "id=pip.conf,src=$PIP_CONF"} \
        --build-arg "VERSION=$VERSION" --build-arg "REVISION=$revision" \
        --tag "$name:$tag" --tag "$name:latest" --file Dockerfile .
    echo "$name:$tag is built with $BUILDER."
done
