# SPDX-License-Identifier: MIT
# The front of the build: Meson does the work.
BUILD ?= build
.PHONY: all
all: ; @test -d $(BUILD) || meson setup $(BUILD); ninja -C $(BUILD)
