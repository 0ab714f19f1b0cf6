// SPDX-License-Identifier: MIT
/* See expiry.h. */
#include "publish/expiry.h"

#include "base/text.h"
#include "publish/catalog_get.h"
#include "publish/plan.h"

#define AGE_MAX_S (INT64_C(1000) * 366 * 24 * 3600)

static enum err take(void *ud, const struct catalog_entry *t, struct slice text, struct error *e)
{
	struct expiry *x = ud;
	struct plan plan = {0};
	enum err err = plan_read(text, &t->id, &plan, e);

	if (err)
		return err;
	x->v[x->n++] = (struct expiry_entry){.id = t->id,
					     .product = xstrndup(plan.product.p, plan.product.n),
					     .at_s = t->object[TX_PLAN].modified_s,
					     .keep_until_s = plan.keep_until_s,
					     .open = !catalog_has(t, TX_DONE)};
	plan_fini(&plan);
	return OK;
}

enum err expiry_read(const struct catalog_source *from, const struct catalog *catalog,
		     struct expiry *ret, struct error *e)
{
	const struct catalog_entry **some = xcalloc(catalog->n + 1, sizeof(*some));
	enum err err;
	size_t n = 0;

	*ret = (struct expiry){.v = xzalloc((catalog->n + 1) * sizeof(*ret->v))};
	for (size_t i = 0; i < catalog->n; i++)
		if (catalog_has(&catalog->entry[i], TX_PLAN) &&
		    !catalog_has(&catalog->entry[i], TX_GONE))
			some[n++] = &catalog->entry[i];
	err = catalog_get(from, some, n, TX_PLAN, take, ret, e);
	free(some);
	if (err)
		expiry_fini(ret);
	return err;
}

void expiry_fini(struct expiry *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->v[i].product);
	free(x->v);
	*x = (struct expiry){0};
}

static int by_product_and_age(const void *a_, const void *b_)
{
	const struct expiry_entry *a = a_, *b = b_;
	int product = strcmp(a->product, b->product);

	if (product)
		return product;
	if (a->at_s != b->at_s)
		return a->at_s > b->at_s ? -1 : 1;
	return strcmp(b->id.s, a->id.s);
}

void expiry_choose(const struct expiry_rule *rule, struct expiry *x)
{
	const char *product = NULL;
	int64_t kept = 0;

	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), by_product_and_age);
	for (size_t i = 0; i < x->n; i++) {
		struct expiry_entry *t = &x->v[i];
		int64_t age_s = t->at_s > 0 ? rule->now_s - t->at_s : 0;
		bool is_last;

		if (!product || strcmp(product, t->product) != 0)
			kept = 0;
		product = t->product;
		is_last = !t->open && kept++ < rule->keep_last;
		t->chosen = !is_last && age_s >= rule->older_s &&
			    (!t->open || age_s > EXPIRY_ABANDONED_S) &&
			    t->keep_until_s <= rule->now_s &&
			    (!rule->product || strcmp(rule->product, t->product) == 0);
	}
}

bool expiry_parse_age(struct slice s, int64_t *ret_s)
{
	static const struct {
		char unit;
		int64_t s;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
	uint64_t number;

	if (s.n < 2 || !parse_u64(slice_head(s, s.n - 1), (uint64_t)AGE_MAX_S, &number))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (units[i].unit != s.p[s.n - 1] || (int64_t)number > AGE_MAX_S / units[i].s)
			continue;
		*ret_s = (int64_t)number * units[i].s;
		return true;
	}
	return false;
}
