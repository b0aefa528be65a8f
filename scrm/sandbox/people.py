"""Which members and departments may an app see?"""

from scrm.sandbox import fields
from scrm.sandbox.calls import Call, Endpoint
from scrm.sandbox.errors import ApiError
from scrm.sandbox.fields import Json
from scrm.sandbox.state import Corp, Department, Staff


def below(corp: Corp, department: int) -> set[int]:
    """A department and all under it."""
    found = {department}
    grown = True
    while grown:
        children = {each.id for each in corp.departments.values() if each.parentid in found}
        grown = not children <= found
        found |= children
    return found


def _details(staff: Staff) -> Json:
    return {
        "userid": staff.userid,
        "name": staff.name,
        "department": staff.departments,
        "main_department": staff.departments[0],
        "order": [0 for _ in staff.departments],
        "is_leader_in_dept": [0 for _ in staff.departments],
        "position": staff.position,
        "mobile": staff.mobile,
        "gender": "0",
        "email": "",
        "avatar": "",
        "telephone": "",
        "alias": "",
        "status": 1 if staff.active else 4,
        "enable": 1,
        "isleader": 0,
        "hide_mobile": 0,
        "extattr": {"attrs": []},
    }


def _in_department(call: Call) -> list[Staff]:
    query = {**call.query, **call.body}
    department = fields.integer(query, "department_id", 1)
    if str(department) not in call.corp.departments:
        raise ApiError(60123)
    wanted = {department}
    if fields.integer(query, "fetch_child"):
        wanted = below(call.corp, department)
    return [
        staff
        for staff in call.corp.staff.values()
        if wanted & set(staff.departments) and call.app.sees(staff.userid)
    ]


def get(call: Call) -> Json:
    return _details(call.member(fields.text({**call.query, **call.body}, "userid")))


def simple_list(call: Call) -> Json:
    return {
        "userlist": [
            {"userid": staff.userid, "name": staff.name, "department": staff.departments}
            for staff in _in_department(call)
        ]
    }


def full_list(call: Call) -> Json:
    return {"userlist": [_details(staff) for staff in _in_department(call)]}


def _department(department: Department) -> Json:
    return {
        "id": department.id,
        "name": department.name,
        "parentid": department.parentid,
        "order": 0,
    }


def departments(call: Call) -> Json:
    top = fields.integer({**call.query, **call.body}, "id")
    if top and str(top) not in call.corp.departments:
        raise ApiError(60123)
    wanted = below(call.corp, top) if top else None
    return {
        "department": [
            _department(each)
            for each in call.corp.departments.values()
            if wanted is None or each.id in wanted
        ]
    }


def callback_ips(call: Call) -> Json:
    return {"ip_list": ["127.0.0.1"]}


ENDPOINTS = {
    "user/get": Endpoint(get, contact=False),
    "user/simplelist": Endpoint(simple_list, empty=("userlist",), contact=False),
    "user/list": Endpoint(full_list, empty=("userlist",), contact=False),
    "department/list": Endpoint(departments, empty=("department",), contact=False),
    "getcallbackip": Endpoint(callback_ips, empty=("ip_list",), contact=False),
}
