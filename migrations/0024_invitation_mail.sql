-- The message that carries the link of an invitation, so that it is not sent any more once the link leads nowhere. Without a
-- key: mail is forgotten after 30 days, and invitations are not. Those of before name none.
alter table invitations add column mail_id text collate "C";
