"""Corpora: releases of MultiWOZ, their download and readers, and a synthetic corpus."""
