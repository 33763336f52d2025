"""MultiWOZ as it comes: releases, downloads, readers, and a synthetic one."""
