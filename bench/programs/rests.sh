#!/bin/sh
# A worker that says hello and then rests until it is ended.
echo '~{"type":"hello","capabilities":["graceful-termination","log"]}'
exec sleep 600
