#!/bin/sh
# An image for every line of a list, by GNU parallel: as many at once as it likes.
parallel -j 20 --halt soon,fail=1 \
  "${FLUXCLI:-fluxcli}" generate "'A {} icon, flat vector'" -a 1:1 -q -o "icons/{}.png" --skip-existing \
  :::: words.txt
