/* Precedence of semantic versions (semver.org, 2.0.0, section 11). */
#ifndef EDGEFLEET_SEMVER_H
#define EDGEFLEET_SEMVER_H

/* -1, 0 or 1 as `left` precedes, equals or follows `right`. Both must match EF_PATTERN_SEMVER. */
int ef_semver_compare(const char *left, const char *right);

#endif
