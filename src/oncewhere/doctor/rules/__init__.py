"""What the doctor knows: facts come in, findings go out. Pure; one module for each area, and one table of all."""
