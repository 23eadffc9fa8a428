#!/bin/sh
# Draws the demo's terminal from a real run: sh examples/picture.sh >examples/demo.svg
set -eu
cd "$(dirname "$0")/.."

{
    echo '$ sh examples/demo.sh'
    sh examples/demo.sh 2>&1 | sed '/^Building/d' | fold -w 110
} | awk '
    { gsub(/&/, "\\&amp;"); gsub(/</, "\\&lt;"); gsub(/>/, "\\&gt;"); line[NR] = $0 }
    END {
        size = 13; step = 18; width = 110 * 7.83 + 40; height = NR * step + 60
        printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n", width, height, width, height
        print "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1d2129\"/>"
        print "<g fill=\"#5b6270\"><circle cx=\"20\" cy=\"18\" r=\"5\"/><circle cx=\"38\" cy=\"18\" r=\"5\"/><circle cx=\"56\" cy=\"18\" r=\"5\"/></g>"
        printf "<g font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"%d\" xml:space=\"preserve\">\n", size
        for (i = 1; i <= NR; i++) {
            colour = "#c9d1d9"
            if (line[i] ~ /^\$/) colour = "#7ee787"                      # what is typed
            else if (line[i] ~ /^  [a-z]/ || line[i] ~ /^    [a-z]/) colour = "#79c0ff" # what the demo runs
            else if (line[i] ~ /^[A-Z].*:$/ || line[i] ~ /^The /) colour = "#ffffff"
            if (line[i] != "")
                printf "<text x=\"20\" y=\"%d\" fill=\"%s\">%s</text>\n", 40 + i * step, colour, line[i]
        }
        print "</g>\n</svg>"
    }'
