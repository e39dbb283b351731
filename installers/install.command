#!/bin/sh
# macOS: the same as install.sh, for a double click; the window waits to be read.
sh "$(dirname "$0")/install.sh" "$@"
code=$?
printf 'Press Return to close.'
read -r _
exit $code
