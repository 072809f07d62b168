/* Prints the generated contract's words as a dictionary for libFuzzer. */
#include <stdio.h>

#include "edgefleet_contract.h"

/* With its quotes, as it stands in JSON. */
static void print_word(const char *word) {
    printf("\"\\\"%s\\\"\"\n", word);
}

/* Recursion is bounded by the nesting of the generated shapes. */
static void print_shape(const ef_shape *shape) {
    for (size_t i = 0; i < shape->count; i++) {
        const ef_field *field = &shape->fields[i];
        printf("\"\\\"%s\\\":\"\n", field->name);
        if (field->type == EF_VALUE_OBJECT) {
            print_shape(field->as.object);
        }
        for (size_t each = 0; field->type == EF_VALUE_CHOICE && each < field->as.choices.count; each++) {
            print_word(field->as.choices.texts[each]);
        }
        if (field->type == EF_VALUE_INTEGER) {
            printf("\"%lld\"\n\"%lld\"\n", (long long)field->as.integer.low, (long long)field->as.integer.high);
        }
    }
}

int main(void) {
    for (size_t i = 0; i < EF_DOCUMENT_COUNT; i++) {
        print_shape(ef_documents[i].shape);
    }
    for (size_t i = 0; i <= EF_PAYLOAD_KEY_BUNDLE; i++) {
        print_word(ef_payloads[i].type);
    }
    for (size_t i = 0; i < EF_TOPIC_COUNT; i++) {
        printf("\"%s\"\n", ef_topics[i].pattern);
    }
    return 0;
}
