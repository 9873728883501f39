#!/bin/sh
# A worker that writes one million lines of 100 bytes as fast as it can.
yes "$(printf '%099d' 7)" | head -n 1000000
