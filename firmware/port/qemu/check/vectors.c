/* The golden vectors of the wire contract on the processor that QEMU plays, in QEMU's folder. contract_check itself asks
 * for more than a bare C library. */
#include <psa/crypto.h>

#include "context.h"
#include "contract_check.h"

int main(void) {
    if (psa_crypto_init() != PSA_SUCCESS) {
        give_up("PSA Crypto", "does not start");
    }
    return run_vectors(".");
}
