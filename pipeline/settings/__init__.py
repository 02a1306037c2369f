"""One frozen record a stage, made from its section of the validated configuration; one module a file of rules.

`workflow/schemas/config.schema.json` says what each field means, its unit and range; a test holds the
two together, field by field.
"""
