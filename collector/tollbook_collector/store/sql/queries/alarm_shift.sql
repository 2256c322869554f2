-- One row: by how much a tenant's alarms are moved on a day; none: it is not worked out yet.
SELECT shift
FROM alarm_shifts FINAL
WHERE tenant = {tenant:String} AND built_on = {day:Date}
