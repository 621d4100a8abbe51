"""A project's folder comes in; a declaration that drills goes out, and little is asked in between.

- `Found` is what a look at the folder tells: a command, variables, schemas, inputs. (`survey`)
- A `Variable` is how the processor learns an address; its name and value tell which system it leads to. (`variables`)
- `identities` are what the records of the inputs may be told apart by. (`events`)
- `Answers` are what stands in the declaration in the end, found or asked. (`answers`)
- The text of `oncewhere.toml` is written from them. (`writing`)
- The demonstration is the payment example, as it is installed with the package. (`demo`)
"""
