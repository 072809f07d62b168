/* The firmware's side of the wire contract, as a program: see firmware/README.md. */
#include "contract_check.h"

#include <psa/crypto.h>
#include <stdio.h>
#include <string.h>

#include "context.h"

int main(int argc, char **argv) {
    if (psa_crypto_init() != PSA_SUCCESS) {
        give_up("PSA Crypto", "does not start");
    }
    if (argc == 2 && strcmp(argv[1], "--batch") == 0) {
        return run_batch();
    }
    if (argc == 2) {
        return run_vectors(argv[1]);
    }
    fprintf(stderr, "usage: contract_check VECTORS_FOLDER | contract_check --batch\n");
    return 2;
}
