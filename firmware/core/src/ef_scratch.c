#include "ef_scratch.h"

size_t ef_scratch_size(void) {
    return sizeof(ef_scratch);
}

ef_workspace ef_scratch_take(ef_agent *agent) {
    ef_scratch *scratch = agent->config->scratch;
    ef_workspace workspace = {scratch->tokens, EF_JSON_TOKENS_MAX, scratch->bundle, sizeof scratch->bundle};
    scratch->owner = NULL;
    return workspace;
}

void ef_scratch_keep(ef_agent *agent) {
    agent->config->scratch->owner = agent;
}

bool ef_scratch_is_kept(const ef_agent *agent) {
    return agent->config->scratch->owner == agent;
}
