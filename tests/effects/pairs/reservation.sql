-- What is cancelled keeps its reference, and is for nobody.
create table reservation (reference varchar(64) primary key, event_id varchar(64));
