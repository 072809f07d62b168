"""The fixed part of the generated C header: the types of the tables."""

HEADER_TYPES = """\
struct ef_shape;

typedef struct {
    int64_t low;
    int64_t high;
} ef_integer_bounds;

typedef struct {
    double low;
    double high;
} ef_number_bounds;

typedef struct {
    uint16_t least;
    uint16_t most;
    ef_pattern pattern;
} ef_text_bounds;

typedef struct {
    const char *const *texts;
    size_t count;
} ef_choices;

/* One field; `as` holds the bounds that its type needs. Of an array, `type` and `as` are its items'. */
typedef struct {
    const char *name;
    ef_value_type type;
    bool required;
    bool array;
    uint16_t least_items;
    uint16_t most_items;
    union {
        ef_integer_bounds integer;
        ef_number_bounds number;
        ef_text_bounds text;
        ef_choices choices;
        const struct ef_shape *object;
    } as;
} ef_field;

/* One object; its fields are checked in this order. `value_fault` is the reason for a forbidden value. */
typedef struct ef_shape {
    const ef_field *fields;
    size_t count;
    ef_reason value_fault;
    ef_rule rule;
} ef_shape;

typedef struct {
    const char *name;
    size_t max_bytes;
    const ef_shape *shape;
} ef_document;

/* What an envelope may carry; `max_bytes` is after base64. */
typedef struct {
    const char *type;
    size_t max_bytes;
    const ef_document *document;
} ef_payload;

typedef struct {
    const char *name;
    const char *pattern;
    ef_direction direction;
    int qos;
    bool retain;
    ef_document_kind document;
    size_t max_bytes; /* of it */
} ef_topic;

/* All of them, for tests; a device names those that it reads, and the others' tables are not linked. */
extern const ef_document ef_documents[];
extern const ef_payload ef_payloads[];
extern const ef_topic ef_topics[];
extern const char *const ef_reason_names[];
extern const char *const ef_phase_names[];
extern const ef_disposition ef_reason_dispositions[];
"""
