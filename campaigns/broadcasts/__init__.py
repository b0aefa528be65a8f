"""One message to many: whom it reaches (audience), starting and stopping (starting), the calls that
are needed (planning, jobs), making them (sending, answers), reading what became of them (results,
delivered), how far it is (standing).
"""
