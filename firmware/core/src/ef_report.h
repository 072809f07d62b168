/* What the device says: `reported` and `presence`. */
#ifndef EDGEFLEET_EF_REPORT_H
#define EDGEFLEET_EF_REPORT_H

#include "ef_state.h"
#include "ef_writer.h"

/* Where the command under way is now; `note` is for people and may be NULL. Reported soon if anything changed. */
void ef_report_phase(ef_agent *agent, ef_phase phase, ef_reason reason, const char *note);

/* How the command ended; also kept over a restart. */
void ef_report_end(ef_agent *agent, ef_phase phase, ef_reason reason, const char *note);

/* A message that was refused, a "command" or "key bundle". It is said once, in `message`: phase, reason and generation
 * are the accepted command's. */
void ef_report_refusal(ef_agent *agent, const char *what, ef_reason reason, const ef_fault *fault);

/* A message was accepted: what was refused before it is history. */
void ef_report_acceptance(ef_agent *agent);

/* Writes the document; returns its length, 0 when it does not fit. */
size_t ef_report_write(const ef_agent *agent, char *text, size_t capacity);
size_t ef_presence_write(const ef_agent *agent, bool online, char *text, size_t capacity);

/* Publishes what is due; what the session does not take now stays due. */
void ef_report_poll(ef_agent *agent);

#endif
