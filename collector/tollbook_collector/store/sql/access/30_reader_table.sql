-- A table or view that readers may ask; one statement for each.
GRANT SELECT ON tollbook.each_readable TO tollbook_reading
