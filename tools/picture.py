#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws terminal output (standard input, with its colours) as an SVG on standard output.

The README's picture is made with it:
    plim … --color=always | tools/picture.py 'COMMAND' >docs/demo.svg
"""
import html
import re
import sys

COLOURS = {31: '#ff7b72', 32: '#7ee787', 33: '#e3b341', 34: '#79c0ff', 35: '#d2a8ff', 36: '#56d4dd',
           90: '#8b949e'}
WIDTH_MAX = 108      # a wider line is cut: a README column shows no more
LINES_MAX = 60
CELL_W, CELL_H, PAD = 8.0, 18, 16


def spans(line):
    """Yields (text, css) for one line with SGR sequences."""
    bold = dim = False
    colour = None
    for part in re.split(r'(\x1b\[[0-9;]*m)', line):
        code = re.fullmatch(r'\x1b\[([0-9;]*)m', part)
        if not code:
            if part:
                css = (f'fill:{colour};' if colour else '') + (
                    'font-weight:bold;' if bold else '') + ('opacity:.65;' if dim else '')
                yield part, css
            continue
        for number in (int(n or 0) for n in code.group(1).split(';')):
            if number == 0:
                bold = dim = False
                colour = None
            elif number == 1:
                bold = True
            elif number == 2:
                dim = True
            elif number == 39:
                colour = None
            elif number in COLOURS:
                colour = COLOURS[number]


def main():
    text = sys.stdin.buffer.read().decode('utf-8', 'replace').rstrip('\n')
    lines = [f'\x1b[90m$ \x1b[0m\x1b[1m{a}\x1b[0m' for a in sys.argv[1:]] + text.split('\n')
    lines = lines[:LINES_MAX]
    width = max(len(re.sub(r'\x1b\[[0-9;]*m', '', line)) for line in lines)
    width = int(min(width, WIDTH_MAX) * CELL_W + 2 * PAD)
    height = len(lines) * CELL_H + 2 * PAD
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
          f'viewBox="0 0 {width} {height}">')
    print(f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>')
    print('<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" '
          'font-size="13" fill="#e6edf3" xml:space="preserve">')
    for row, line in enumerate(lines):
        used, out = 0, []
        for piece, css in spans(line):
            piece = piece[:max(0, WIDTH_MAX - used)]
            used += len(piece)
            style = f' style="{css}"' if css else ''
            out.append(f'<tspan{style}>{html.escape(piece, quote=False)}</tspan>')
        print(f'<text x="{PAD}" y="{PAD + CELL_H * row + 13}">{"".join(out)}</text>')
    print('</g>\n</svg>')


if __name__ == '__main__':
    main()
