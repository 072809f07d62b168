#ifndef EDGEFLEET_TESTS_CONTRACT_CHECK_H
#define EDGEFLEET_TESTS_CONTRACT_CHECK_H

/* Judges every vector of the index in `folder`; prints a line per failure. The program's exit status. */
int run_vectors(const char *folder);

/* Answers questions on standard input until it ends. The program's exit status. */
int run_batch(void);

#endif
