create table done (event_id varchar(64) primary key, receipt varchar(64) not null);
