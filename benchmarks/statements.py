"""The SQL of the floors, written out: the least that each operation has to say. Parameters are `?` on both databases
(floors.py turns them into psycopg's form); the agency is the last one of an UPDATE, and the first one of the others."""

WHO = """
select s.revoked_at, s.expires_at, u.roles, u.status from sessions s
join users u on u.agency_id = s.agency_id and u.id = s.user_id where s.agency_id = ? and s.user_id = ? limit 1"""
HEAD = "select size, frontier from ledger_heads where agency_id = ?"
HEAD_LOCKED = "select size, frontier from ledger_heads where agency_id = ? for update"
APPEND = """
insert into ledger_entries (agency_id, seq, at, actor_id, action, entry) values (?, ?, ?, ?, 'client.read', ?)"""
MOVE = "update ledger_heads set size = ?, frontier = ? where agency_id = ?"

ITEM = """
select i.plan_id, i.client_id, i.kind, i.status, i.version from checklist_items i where i.agency_id = ? and i.id = ?
and exists (select 1 from assignments s where s.agency_id = i.agency_id and s.user_id = ? and s.client_id = i.client_id
and s.ended_at is null)"""
TICK = """
update checklist_items set status = 'done', completed_at = ?, completed_by_id = ?, version = version + 1
where id = ? and agency_id = ?"""
COUNT = """
update plans set done = done + 1, offered = offered - 1, version = version + 1 where id = ? and agency_id = ?
returning offered, planned, in_progress, done, declined, not_applicable, not_safe_now"""

PLAN = """
select p.client_id, p.template_id, p.status, p.language, p.next_review_at, p.done, p.planned, p.version from plans p
where p.agency_id = ? and p.id = ? and exists (select 1 from assignments s where s.agency_id = p.agency_id
and s.user_id = ? and s.client_id = p.client_id and s.ended_at is null)"""
SECTIONS = """
select id, source, position, choice, title_sealed, version from plan_sections
where agency_id = ? and client_id = ? and id between ? and ? order by position"""
ITEMS = """
select text_sealed, detail_sealed, id, section, source, kind, status, outcome, priority, whose_words, completed_at,
completed_by_id, version, seal_rev from checklist_items
where agency_id = ? and client_id = ? and id between ? and ? order by id"""
CASELOAD = """
select c.alias_sealed, c.legal_name_sealed, c.contact_sealed, c.id, c.status, c.attention_at, p.id, p.done, p.planned,
p.offered from assignments a join clients c on c.agency_id = a.agency_id and c.id = a.client_id
left join plans p on p.agency_id = c.agency_id and p.client_id = c.id and p.status = 'active'
where a.agency_id = ? and a.user_id = ? and a.ended_at is null order by a.attention_at, a.client_id limit 25"""

CLIENT = """
select c.status from clients c where c.agency_id = ? and c.id = ? and exists (select 1 from assignments s
where s.agency_id = c.agency_id and s.user_id = ? and s.client_id = c.id and s.ended_at is null)"""
ADD_PLAN = """
insert into plans (agency_id, id, client_id, template_owner_id, template_id, template_version, status, custody,
language, created_at, created_by_id, version, seal_rev, items_made, sections_made, offered, planned, in_progress, done,
declined, not_applicable, not_safe_now)
values (?, ?, ?, ?, ?, 1, 'draft', 'retained', 'en', ?, ?, 1, 0, 45, 5, 45, 0, 0, 0, 0, 0, 0)"""
ADD_SECTIONS = """
insert into plan_sections (agency_id, id, client_id, plan_id, source, position, choice, version, seal_rev)
values (?, ?, ?, ?, ?, ?, 'chosen', 1, 0)"""
ADD_ITEMS = """
insert into checklist_items (agency_id, id, client_id, plan_id, section, source, kind, status, whose_words, version,
seal_rev) values (?, ?, ?, ?, ?, ?, 'action', 'offered', 'template', 1, 0)"""

ADD_KEY = """
insert into data_keys (agency_id, kid, subject_id, purpose, epoch, wrapped, created_at, seals)
values (?, ?, ?, 'client', 1, ?, ?, 7)"""
ADD_CLIENT = """
insert into clients (agency_id, id, alias_sealed, legal_name_sealed, pronouns_sealed, date_of_birth_sealed,
languages_sealed, contact_sealed, closing_reason_sealed, status, restricted, opened_on, created_at, attention_at,
version, seal_rev) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', false, '2027-01-04', ?, ?, 1, 1)"""
ADD_ASSIGNMENT = """
insert into assignments (agency_id, id, client_id, user_id, started_at, started_by_id, attention_at, version)
values (?, ?, ?, ?, ?, ?, ?, 1)"""

ADD_REVIEW = """
insert into reviews (agency_id, id, client_id, plan_id, due_at, time_zone, reviewer_id, kind, recurrence, status,
created_at, version, seal_rev)
values (?, ?, ?, ?, ?, 'America/New_York', ?, 'routine', 'P8W', 'scheduled', ?, 1, 0)"""
SETTLE_PLAN = "update plans set next_review_at = ?, version = version + 1 where id = ? and agency_id = ?"
SETTLE_CLIENT = "update clients set attention_at = ? where id = ? and agency_id = ?"
SETTLE_ASSIGNMENTS = (
    "update assignments set attention_at = ? where client_id = ? and ended_at is null and agency_id = ?"
)
