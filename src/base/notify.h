// SPDX-License-Identifier: MIT
/* Telling systemd how we are, when it started us (sd_notify(3)'s protocol). */
#pragma once

/* "READY=1", "STOPPING=1"; does nothing outside systemd. */
void notify_systemd(const char *state);
