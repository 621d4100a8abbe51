"""A project's folder comes in; a declaration that drills goes out, and little is asked in between.

- `Found` is what a look at the folder tells: a command, variables, schemas, inputs. (`survey`)
- Whatever a file says is `Told` with the file's name, and whether it is sure or a guess. (`told`)
- The command comes from what the project is built with, its arguments from the container's. (`builds`, `maven`,
  `gradle`, `image`)
- Settings come from the Compose file's service, from .env files and application.yml. (`compose`, `dotenv`, `spring`)
- The consumer group and the topics are known by the names of settings. (`kafka_names`)
- What no file says, the calls of a program may, and the annotations of Spring. (`python_sources`, `jvm_calls`,
  `listeners`)
- A `Variable` is how the processor learns an address; its name and value tell which system it leads to. (`variables`,
  and `hosts` for an address in parts)
- `identities` are what the records of the inputs may be told apart by. (`events`)
- `Answers` are what stands in the declaration in the end, found or asked. (`answers`)
- The text of `oncewhere.toml` is written from them. (`writing`)
- The demonstration is the payment example, as it is installed with the package. (`demo`)
"""
