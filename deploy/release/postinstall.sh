#!/bin/sh
# After an upgrade what runs goes on with the new program, consumers first. Nothing is started that did not run:
# it would not have its secrets yet.
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
for unit in drainline-shipper drainline-transform drainline-ingest drainline; do
	systemctl try-restart $unit.service || echo "drainline: $unit did not start again: systemctl status $unit" >&2
done
