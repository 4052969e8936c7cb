#!/bin/sh
# Before the last version goes (dpkg says remove, rpm 0), its services stop. /var/lib/drainline stays: it may hold
# what has not been delivered.
[ -d /run/systemd/system ] || exit 0
case $1 in
remove | 0) systemctl disable --now drainline-ingest.service drainline-transform.service drainline-shipper.service drainline.service ;;
esac
