// SPDX-License-Identifier: MIT
/* Who publishes what, as the variables of GitHub Actions, GitLab CI and Azure Pipelines tell it. Pure. */
#pragma once
#include "publish/plan.h"

/* What the plan's head does not tell yet; get() as getenv(). No URL in its source keeps a user or a password. */
void add_origin(struct plan *plan, const char *(*get)(void *ctx, const char *name), void *ctx);
